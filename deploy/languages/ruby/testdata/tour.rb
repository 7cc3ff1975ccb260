puts "version #{RUBY_VERSION[/\d+\.\d+/]}"
puts "args #{ARGV.join("|")}"
puts "env #{ENV["GREETING"]}"
puts "stdin #{STDIN.readlines(chomp: true)[1]}"
puts "日本語 🐘"
warn "to stderr"
exit 3
