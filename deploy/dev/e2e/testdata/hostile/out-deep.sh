# A file so far down that nobody can name it.
cd /out
echo top > top
for i in {1..100}; do mkdir deeper && cd deeper; done
echo bottom > bottom
echo left
