import { readFileSync } from "node:fs";

console.log("args", process.argv.slice(2).join("|"));
console.log("env", process.env.GREETING);
console.log("stdin", readFileSync(0, "utf8").split("\n")[1]);
console.log("日本語 🐘");
console.error("to stderr");
process.exitCode = 3;
