using held = { [Symbol.dispose]: () => console.log("given back") };
await Deno.writeTextFile("note.txt", "written");
const shape = { side: 3 } satisfies { side: number };
console.log(await Deno.readTextFile("note.txt"), shape.side ** 2, held !== null);
