declare -A ages=([ann]=3)
wait -n -p ended $! 2>/dev/null
echo "${ages[@]@K} $((SRANDOM >= 0))"
