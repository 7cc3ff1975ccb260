held=$(head -c 25165824 /dev/zero | tr '\0' x)
printf -v line '%01023d' 0
for ((i = 0; i < 300; i++)); do
  echo "$line"
done
