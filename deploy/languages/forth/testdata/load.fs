40 1024 * 1024 * constant size
size allocate throw constant held
held size 1 fill
: line ( -- )  1023 0 ?do  [char] x emit  loop  cr ;
: lines ( n -- )  0 ?do  line  loop ;
300 lines
bye
