held <- rep(1, 5 * 2^20)
for (i in 1:300) cat(strrep("x", 1023), "\n", sep = "")
