/** What peers with a database are started with: `node <peer>.ts <database file> <users> <token>`. */
const [path = "", users = "0", token = ""] = process.argv.slice(2);

export const PEER = { path, users: Number(users), token };
