spent() { read -r _ _ _ _ _ _ _ _ _ _ _ _ _ ticks _ </proc/$$/stat; }
spent
while ((ticks < 200)); do
  for ((i = 0; i < 20000; i++)); do :; done
  spent
done
echo burnt
