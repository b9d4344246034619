# Many processes, one after another and at once.
for i in {1..60}; do (exit $((i % 5))); sum=$((sum + $?)); done; echo "$sum"
for i in {1..40}; do echo "$i" > "f$i" & done; wait; cat f* | sort -n | tr '\n' ' '; echo
nest() { [ "$1" = 0 ] && echo bottom || ( nest $(($1 - 1)) ); }; nest 25
echo $(for i in {1..20}; do echo $(echo "$i"); done)
seq 1 30 | xargs -P 4 -I{} sh -c 'echo $(({} * {}))' | sort -n | tail -n 2
for i in 1 2 3 4; do (for j in 1 2 3 4 5; do echo "$i$j" >> log; done) & done; wait; sort log | md5sum
p=; for i in {1..15}; do p="$p | cat"; done; eval "echo through fifteen $p"
x=$(printf '%*s' 200000 '' | tr ' ' y); echo "${#x}"; /bin/bash -c 'echo ${#1}' _ "${x:0:100000}"
/bin/echo "$x" 2>/dev/null; echo "too long $?"
