source "$(dirname "$0")/parts/greeting.sh"

greet "$(<data/name.txt)"
