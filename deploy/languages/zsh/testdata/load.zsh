held=${(l:25165824::x:)}
line=${(l:1023::x:)}
repeat 300 print $line
