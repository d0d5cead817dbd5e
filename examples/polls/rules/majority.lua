return function(list)
  return list[1] and list[1].choice or "nobody voted"
end
