# Pipelines: statuses, process substitution, here-documents, coprocesses, big data.
seq 1 1000 | grep 7 | wc -l
true | false | (exit 3) | true; echo "${PIPESTATUS[@]}"
set -o pipefail; false | true; echo $?; set +o pipefail
yes | head -n 3; echo "${PIPESTATUS[@]}"
diff <(seq 1 5) <(seq 1 2 9); echo $?
cat <<END
here $((6 * 7)) $(echo nested "$(echo deeper)")
END
cat <<'END'
literally $HOME
END
tr a-z A-Z <<< "here string"
head -c 300000 /dev/zero | tr '\0' x | tee >(wc -c > counted) | md5sum
while [ ! -s counted ]; do sleep 0.01; done; cat counted
coproc CAT { while read -r line; do echo "got $line"; done; }
echo one >&"${CAT[1]}"; read -r answer <&"${CAT[0]}"; echo "$answer"
exec {CAT[1]}>&-; wait "$CAT_PID"; echo "coproc ended $?"
{ echo out; echo err >&2; } 2>&1 >/dev/null | sed 's/^/piped: /'
for i in 1 2 3; do echo "$i"; done | while read -r x; do total=$((total + x)); echo "$total"; done; echo "outside: ${total-unset}"
seq 1 20000 | sort -rn | head -n 1
seq 1 100 | xargs -n 10 echo | tail -n 1
(seq 1 5; exit 9) | cat; echo "${PIPESTATUS[0]}"
