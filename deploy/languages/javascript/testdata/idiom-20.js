console.log([3, 1, 2].toSorted(), [1, 2, 3].with(0, 9), "a\ud800".isWellFormed());
