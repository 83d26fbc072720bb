# bash's completion of docker-socket-proxy: commands, and what may follow the words before.
_docker_socket_proxy() {
    local current=${COMP_WORDS[COMP_CWORD]} client=--client methods="GET HEAD POST PUT PATCH DELETE" words=
    local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    if [[ ${#before[@]} -gt 2 && ${before[1]} == --client ]]; then
        before=(explain "${before[@]:3}") client=
    fi
    case "${#before[@]} ${before[*]:0:2}" in
    "0 ") words="explain healthcheck --help --version" ;;
    "1 explain") words="$client --allowed --body --diff $methods" ;;
    "3 explain --body") words=$methods ;;
    "2 explain --body" | "2 explain --diff" | "3 explain --diff")
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _docker_socket_proxy docker-socket-proxy
