x, y = 1, 2
case { x:, y: }
in { x: Integer => first, y: ^(x + 1) }
  puts "x is #{first}"
end
