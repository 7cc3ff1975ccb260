BEGIN {
    held = sprintf("%41943040s", "x")
    line = sprintf("%01023d", 0)
    for (i = 0; i < 300; i++) print line
}
