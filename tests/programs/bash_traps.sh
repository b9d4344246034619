# Traps and signals between processes. Bash's own messages name processes by number: they go nowhere.
exec 2>/dev/null
trap 'echo "exit trap, status $?"' EXIT
trap 'echo usr1' USR1
kill -USR1 $$; echo after
(trap 'echo in subshell; exit 4' TERM; kill -TERM $BASHPID; echo never); echo "status $?"
bash -c 'kill -KILL $$'; echo "killed: $?"
bash -c 'kill -SEGV $$' 2>/dev/null; echo "segv: $?"
sleep 100 & pid=$!
until [ "$(cat "/proc/$pid/comm")" = sleep ]; do :; done # before that it is a Bash, with the trap
kill "$pid"; wait "$pid"; echo "wait: $?"
trap 'echo chld' CHLD; (exit 5); wait; trap - CHLD
(sleep 0.2; kill -USR1 $$) &
wait $!; echo "interrupted wait: $(($? > 128))"; wait
trap '' TERM; bash -c 'kill -TERM $$; echo survived'; trap - TERM
bash -c 'trap "echo int; exit 7" INT; kill -INT $$; sleep 1'; echo "int: $?"
trap 'echo "debug: $BASH_COMMAND"' DEBUG; : one; trap - DEBUG
f() { trap 'echo return' RETURN; echo in f; }; f; trap - RETURN
set -o errtrace; trap 'echo "err $?"' ERR; false; trap - ERR
mkfifo p; (echo started > p; exec sleep 100) & pid=$!; read -r x < p; echo "$x"; kill -STOP "$pid"; kill -CONT "$pid"; kill -TERM "$pid"; wait "$pid"; echo "stopped, continued, ended: $?"
timeout 0.2 sleep 10; echo "timeout: $?"
timeout -s KILL 0.2 sleep 10; echo "timeout -s KILL: $?"
exit 3
