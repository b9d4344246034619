# Runs the cases of the conformance suite with the `syscall` command, in Bash.
#
#     bash runner.sh SYSCALL INPUTS
#
# INPUTS/cases.list names the cases, INPUTS/scripts/NAME has the calls of each. A case of one call is made as a
# person would make it, with its words as arguments of the command; more calls share a process, so they are a script for it.
# A case that takes ten seconds is killed. Prints what the other runners print (runner.c).

syscall=$1 inputs=$2
umask 022
while read -r name; do
    echo "case $name"
    (
        "$syscall" --hex mkdir "$name" 0755 >/dev/null && cd "$name" || exit
        mapfile -t lines <"$inputs/scripts/$name"
        if [ ${#lines[@]} = 1 ] && [[ ${lines[0]} != *[\"$:]* ]]; then
            read -ra words <<<"${lines[0]}"
            exec timeout 10 "$syscall" --hex "${words[@]}"
        fi
        exec timeout 10 "$syscall" --hex - <"$inputs/scripts/$name"
    )
    echo "end $name 0"
done <"$inputs/cases.list"
