%% escript leaves the first line alone.
main(Args) ->
    io:setopts([{encoding, unicode}]),
    io:format("version ~s~n", [erlang:system_info(otp_release)]),
    io:format("args ~ts~n", [lists:join("|", Args)]),
    io:format("env ~ts~n", [os:getenv("GREETING")]),
    io:get_line(""),
    io:format("stdin ~ts", [io:get_line("")]),
    io:format("~ts~n", ["日本語 🐘"]),
    io:format(standard_error, "to stderr~n", []),
    halt(3).
