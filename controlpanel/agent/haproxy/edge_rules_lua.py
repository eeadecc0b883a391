"""The program that reads a visitor's path and says which of the site's edge rules are about it.

One path can be written in many ways, and programs behind the edge do not agree on what they mean. So a path is read
more than once:

- *plain*: decoded once, with ``//``, ``/./`` and ``/../`` resolved, as the web host's nginx reads it;
- *wary*: decoded until nothing is left to decode, with ``\\`` as ``/``, without ``;parameters`` and without dots or
  blanks at the end of a part;
- *past a program*: the wary one without ``index.php`` and the like in the middle, for WordPress shows ``/private`` at
  ``/index.php/private`` too.

An address rule is in force, and a door is closed, when any reading says so; an exception from a door counts only when
all of them say so. Capitals are no other path there. What cannot be read (control characters, layers upon layers of
encoding) is refused. Redirects go by the plain reading alone.

Nothing here trusts that it ends well: without ``txn.looked`` at the end, the edge answers with an error.
"""

from . import paths

#: Parts of the longest path that a rule may have: what a visitor's path has beyond is not looked at.
MOST_PARTS = 16
#: Layers of encoding that a path may have.
LAYERS = 4

PROGRAM = f"""\
-- Written by the control panel's agent. Changes by hand are found and undone.
local addresses, networks, doors, redirects

core.register_init(function()
  addresses = Map.new("{paths.EDGE_ADDRESSES}", Map._str)
  networks = Map.new("{paths.EDGE_NETWORKS}", Map._beg)
  doors = Map.new("{paths.EDGE_DOORS}", Map._str)
  redirects = Map.new("{paths.EDGE_REDIRECTS}", Map._str)
end)

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function escaped(text, mark)
  return (text:gsub("[^A-Za-z0-9._~-]", function(char) return string.format("%s%02X", mark, char:byte()) end))
end

local function unquoted(text)
  return (text:gsub("=(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function folded(text)
  return (text:gsub("[A-Z]", string.lower))
end

local function parts_of(path, wary)
  local parts = {{}}
  for part in path:gmatch("[^/]+") do
    if wary then
      part = part:gsub(";.*$", "")
      if part ~= "." and part ~= ".." then part = part:gsub("[. ]+$", "") end
    end
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." and part ~= "" then
      parts[#parts + 1] = part
    end
  end
  return parts
end

-- The beginnings of a path as keys have them, the longest first; the last is the whole site.
local function beginnings(parts, fold)
  local keys, key = {{""}}, ""
  for at = 1, math.min(#parts, {MOST_PARTS}) do
    key = key .. "/" .. escaped(fold and folded(parts[at]) or parts[at], "=")
    table.insert(keys, 1, key)
  end
  return keys
end

-- All readings of a path, and the parts of the plain one; nil for one that cannot be read.
local function readings(path)
  local plain, wary = decoded(path), path
  for layer = 0, {LAYERS} do
    local next = decoded(wary)
    if next == wary then break end
    if layer == {LAYERS} then return nil end
    wary = next
  end
  if wary:find("%c") then return nil end
  local parts = parts_of(plain, false)
  local found, known = {{}}, {{}}
  local function add(some)
    local keys = beginnings(some, true)
    if not known[keys[1]] then
      known[keys[1]] = true
      found[#found + 1] = keys
    end
  end
  add(parts)
  local warily = parts_of(wary:gsub("\\\\", "/"), true)
  add(warily)
  local past = {{}}
  for _, part in ipairs(warily) do
    if not folded(part):find("%.ph[a-z0-9]*$") then past[#past + 1] = part end
  end
  if #past < #warily then add(past) end
  return found, parts
end

local function refused(site, origin, keys)
  for _, key in ipairs(keys) do
    local allow, deny = addresses:lookup(site .. "a" .. key), addresses:lookup(site .. "x" .. key)
    if allow and not networks:lookup(site .. "." .. allow .. origin) then return true end
    if deny and networks:lookup(site .. "." .. deny .. origin) then return true end
  end
  return false
end

local function door(site, keys)
  for _, key in ipairs(keys) do
    local found = doors:lookup(site .. "d" .. key)
    if found then return found ~= "open" and found or nil end
  end
end

-- The only name and password that the visitor sent, still in base64.
local function credentials(txn)
  local sent = txn.http:req_get_headers()["authorization"]
  if not sent or sent[1] then return nil end
  return sent[0]:match("^[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+=*) *$")
end

local function redirect(site, parts, slash, query)
  local keys, depth = beginnings(parts, false), math.min(#parts, {MOST_PARTS})
  local row = #parts <= {MOST_PARTS} and redirects:lookup(site .. "e" .. keys[1])
  local rest = ""
  if not row then
    for at, key in ipairs(keys) do
      row = redirects:lookup(site .. "p" .. key)
      if row then
        for behind = depth - at + 2, #parts do rest = rest .. "/" .. escaped(parts[behind], "%") end
        break
      end
    end
  end
  if not row then return nil end
  local status, flags, target = row:match("^(%d+)%.(%a*)%.(.*)$")
  target = unquoted(target)
  if flags:find("k") and rest ~= "" then
    target = target:gsub("/$", "") .. rest .. (slash and "/" or "")
  end
  if flags:find("q") and query and query ~= "" then
    target = target .. (target:find("?", 1, true) and "&" or "?") .. query
  end
  return status, target
end

local function look(txn)
  local site, path = txn:get_var("txn.site"), txn.f:path() or "/"
  local found, parts = readings(path)
  if not found then
    txn:set_var("txn.refused", true)
    return
  end
  local lock
  for _, keys in ipairs(found) do
    if refused(site, txn:get_var("txn.origin"), keys) then
      txn:set_var("txn.refused", true)
      return
    end
    local closed = door(site, keys)
    if closed and lock and closed ~= lock then
      txn:set_var("txn.refused", true)
      return
    end
    lock = lock or closed
  end
  if lock then
    local name, realm = lock:match("^(%w+)%.(.*)$")
    txn:set_var("txn.door", name)
    txn:set_var("txn.realm", unquoted(realm))
    local sent = credentials(txn)
    if sent then txn:set_var("txn.credentials", site .. "/" .. name .. "/" .. sent) end
  end
  local status, target = redirect(site, parts, path:sub(-1) == "/", txn.f:query())
  if status then
    txn:set_var("txn.redirect_code", status)
    txn:set_var("txn.redirect", target)
  end
end

core.register_action("edge_rules", {{"http-req"}}, function(txn)
  local well, problem = pcall(look, txn)
  if well then
    txn:set_var("txn.looked", true)
  else
    core.Warning("edge rules: " .. tostring(problem))
  end
end, 0)
"""
