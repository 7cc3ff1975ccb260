console.log(new Set([1, 2]).union(new Set([3])).size, Object.groupBy([1, 2, 3], n => (n % 2 ? "odd" : "even")).odd);
