echo "${ echo no subshell; }"
