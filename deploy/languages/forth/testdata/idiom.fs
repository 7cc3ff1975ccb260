: square ( n -- n^2 )  dup * ;
: constants ( n "names" -- )  0 ?do  i constant  loop ;
3 constants zero one two
: fib ( n -- fib )  recursive dup 2 < if exit then  dup 1- fib swap 2 - fib + ;
7 square . two . 10 fib . hex ff decimal . cr
bye
