console.log("version", Deno.version.deno.split(".").slice(0, 2).join("."));
console.log("args", Deno.args.join("|"));
console.log("env", Deno.env.get("GREETING"));
console.log("stdin", (await new Response(Deno.stdin.readable).text()).split("\n")[1]);
console.log("日本語 🐘");
console.error("to stderr");
Deno.exit(3);
