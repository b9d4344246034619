# The same by busybox's ash: functions, traps, here-documents, arithmetic, job numbers.
cat > s <<'END'
f() { local x=$1; echo "f $x"; return 3; }
f a; echo $?
trap 'echo trapped' USR1; kill -USR1 $$
for i in 1 2 3; do case $i in 2) continue;; esac; echo $i; done
cat <<E
$((1 + 2 * 3)) $(echo sub) ${unset:-default}
E
echo a b c | while read x y; do echo "$y"; done
sleep 0.1 & wait $!; echo "wait $?"
(exit 5) || echo "or $?"
set -- x y z; shift; echo "$# $*"
exec 3>out; echo hidden >&3; exec 3>&-; cat out
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); done; echo $i
echo "${0##*/}"; x=abcabc; echo "${x%c*} ${x#*b}"
ulimit -n 50; ulimit -n
exit 9
END
ash s; echo "status $?"
sh s | tail -n 2
