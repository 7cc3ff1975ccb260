BEGIN {
    n = split("b a c", names)
    asort(names)
    grid[1][2] = "nested"
    print names[1], grid[1][2], gensub(/(.)(.)/, "\\2\\1", "g", "abcd"), strtonum("0x10"), length("日本語")
}
