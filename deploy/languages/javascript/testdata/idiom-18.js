console.log([1, 2, 3].findLast(n => n < 3), structuredClone({ a: [1] }), Object.hasOwn({ b: 1 }, "b"), [1, 2].at(-1));
