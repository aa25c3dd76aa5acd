import { inject } from "vitest";
import { describeVectorFiles } from "../testing/describe-vectors.ts";

declare module "vitest" {
  export interface ProvidedContext {
    vectorFiles: string[] | undefined;
  }
}

const names = inject("vectorFiles");
const files =
  names &&
  (await Promise.all(names.map(async (name) => ({ name, text: await (await fetch(`/${name}`)).text() }))));

describeVectorFiles(files, (line) => console.log(line));
