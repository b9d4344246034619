# Background jobs without a terminal; job control switched on all the same.
(exit 3) & a=$!; (exit 4) & b=$!
wait $b; echo $?; wait $a; echo $?
wait 99999; echo "not a child: $?"
for i in 3 1 2; do (sleep 0.$i; exit $i) & done
wait -n; echo "first $?"; wait -n; echo "second $?"; wait -n; echo "third $?"; wait -n; echo "none $?"
set -m
sleep 0.3 & jobs | sed 's/ *&$//'
kill -STOP %1; sleep 0.05; jobs %1 | grep -o Stopped
bg %1 >/dev/null 2>&1; wait %1; echo "finished $?"
wait
set +m
bash -c 'echo $(($(ps -o pid,ppid 2>/dev/null | wc -l) > 0))'
( ( sleep 0.1; echo grandchild ) & ) ; sleep 0.4; echo parent
disown -a; echo "end $?"
