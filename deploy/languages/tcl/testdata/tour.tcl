puts "version $tcl_version"
puts "args [join $argv |]"
puts "env $env(GREETING)"
gets stdin
puts "stdin [gets stdin]"
puts "日本語 🐘"
puts stderr "to stderr"
exit 3
