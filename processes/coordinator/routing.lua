--- What of the game's fleet is open to its players. Of every other process only Info, HEALTH_CHECK and GET_STATISTICS are carried.
return {
  open = { battle = true, pokemon = true, shop = true },
  declared = false,
  objects = true,
  handler = "coordinator.service",
}
