require_relative "parts/greeting"

puts greet(File.read("data/name.txt").strip)
