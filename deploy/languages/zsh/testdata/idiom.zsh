typeset -A ages=(ann 3 bob 4)
words=(pear apple fig)
print ${(o)words} ${(k)ages[(r)4]} ${#words} ${(U)words[1]} $((2 ** 10))
