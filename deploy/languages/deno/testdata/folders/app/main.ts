import { greet } from "./parts/greeting.ts";

console.log(greet((await Deno.readTextFile("data/name.txt")).trim()));
