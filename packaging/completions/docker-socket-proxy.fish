# fish's completion of docker-socket-proxy: commands, and what may follow the words before.
function __docker_socket_proxy
    set -l client --client
    set -l before (commandline -opc)[2..]
    set -l methods GET HEAD POST PUT PATCH DELETE
    if test (count $before) -gt 2; and test $before[2] = --client
        set before explain $before[4..]
        set client
    end
    switch (count $before)" $before[1..2]"
        case '0 '
            printf '%s\n' explain healthcheck --help --version
        case '1 explain'
            printf '%s\n' $client --allowed --body --diff $methods
        case '3 explain --body'
            printf '%s\n' $methods
        case '2 explain --body' '2 explain --diff' '3 explain --diff'
            __fish_complete_path (commandline -ct)
    end
end
complete -c docker-socket-proxy -f -a '(__docker_socket_proxy)'
