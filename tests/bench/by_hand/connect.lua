-- By hand, what the router does for CONNECT: as short as it can be.
local keys = Map.new("@DIRECTORY@/connect.map", Map._str)
core.register_action("by_hand_connect", {"tcp-req"}, function(txn)
  local data = txn.req:data(0)
  local _, e = string.find(data, "\r\n\r\n", 1, true)
  if not e then return end
  local head = string.sub(data, 1, e)
  local target = string.match(head, "^CONNECT ([%w%-%.]+):%d+ HTTP/1%.[01]\r\n")
  local key = string.match(head, "\r\n[Pp]roxy%-[Aa]uthorization: [Bb]earer ([%w%-_]+)\r\n")
  txn.req:remove(0, e)
  local route = key and keys:lookup(txn.c:hex(txn.c:sha2(key, 256)) .. "/" .. tostring(target))
  if not route then
    txn.res:send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    txn:done()
    return
  end
  txn:set_var("txn.route", route)
  txn.res:send("HTTP/1.1 200 Connection established\r\n\r\n")
end, 0)
