console.log(RegExp.escape("a.b"), Error.isError(new TypeError()));
