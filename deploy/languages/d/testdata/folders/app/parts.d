string greet(string name) {
    return "hello " ~ name;
}
