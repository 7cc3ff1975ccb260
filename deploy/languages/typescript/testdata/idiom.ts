enum Colour { Red, Green }

function pick<const T extends readonly string[]>(...names: T): T[number] {
  return names[0]!;
}

const shape = { kind: "square", side: 2 } satisfies { kind: string; side: number };
const name: "a" | "b" = pick("a", "b");
console.log(Colour[Colour.Green], name, shape.side);
