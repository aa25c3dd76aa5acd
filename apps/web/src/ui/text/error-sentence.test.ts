import { CLIENT_ERROR_CODES } from "@thicket/client/api";
import { expect, test } from "vitest";
import { errorSentence, errorText, SENTENCES } from "./error-sentence.ts";

test("the table has a sentence for every code and none besides", () => {
  expect(Object.keys(SENTENCES).toSorted()).toEqual([...CLIENT_ERROR_CODES].toSorted());
});

test.each(CLIENT_ERROR_CODES)("%s is said as sentences, without its code", (code) => {
  for (const subject of [undefined, "bob"]) {
    const error = subject === undefined ? { code } : { code, subject };
    const { sentence, advice } = errorSentence(error);
    expect(sentence).toMatch(/^\S.*[.!]$/);
    if (advice !== undefined) expect(advice).toMatch(/^[A-Z].*\.$/);
    expect(errorText(error)).not.toMatch(/undefined|[A-Z]+_[A-Z]+/);
  }
});

test("no two codes are said alike", () => {
  const said = CLIENT_ERROR_CODES.map((code) => errorText({ code }));
  expect(new Set(said).size).toBe(said.length);
});

test("the limit of a message is named in kilobytes", () => {
  expect(errorText({ code: "MESSAGE_TOO_LARGE", subject: "61440" })).toContain("60 KB");
});
