-- A plain aos program. Globals are its state: they survive every load of new code.
Greeting = "hello"
Visits = Visits or 0

Handlers.add("Greet", "Greet", function(msg)
  Visits = Visits + 1
  msg.reply({ Data = Greeting .. ", visitor " .. Visits })
end)
