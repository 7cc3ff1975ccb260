declare -A ages=([ann]=3)
set -- "${ages[@]@k}"
echo "$# $1 $2"
