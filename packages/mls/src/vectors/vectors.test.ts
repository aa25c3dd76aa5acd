import { stdout } from "node:process";
import { describeVectorFiles } from "../testing/describe-vectors.ts";
import { vectorFiles } from "../testing/vectors.ts";

describeVectorFiles(vectorFiles(), (line) => stdout.write(`${line}\n`));
