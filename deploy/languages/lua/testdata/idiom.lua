local closed = {}
do
  local file <close> = setmetatable({}, { __close = function() closed[1] = "closed" end })
  local limit <const> = 7 // 2
  closed[2] = limit | 4
end
print(closed[1], closed[2], utf8.len("日本語"))
