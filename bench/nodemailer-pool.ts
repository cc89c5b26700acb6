/**
 * The usual way: nodemailer's pool as it comes, a mail object per mail. `node nodemailer-pool.ts <port> <warm-up> <mails>`
 * says {} when those to warm up are sent, and then {seconds} that the others took.
 */
import { createTransport } from "nodemailer";

const [port, warmUpMails, mails] = process.argv.slice(2).map(Number);
const transport = createTransport({ host: "127.0.0.1", port: port ?? 0, pool: true });
await send(warmUpMails);
console.log("{}");
const startedMs = performance.now();
await send(mails);
console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1_000 }));
transport.close();

async function send(count = 0): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, number) => transport.sendMail(mail(number))));
}

function mail(number: number) {
  const code = String(100_000 + number);
  const link = `https://bench.example/verify?code=${code}`;
  return {
    from: { name: "Countersign", address: "no-reply@bench.example" },
    to: { name: "Ada Lovelace", address: `user-${number}@bench.example` },
    subject: "Verify your email address",
    text: `Hello Ada Lovelace,\n\nUse this code to verify your email address:\n\n${code}\n\nOr open this link:\n\n${link}\n`,
    html: `<p>Hello Ada Lovelace,</p><p>Use this code to verify your email address:</p><p><b>${code}</b></p><p><a href="${link}">Verify</a></p>`,
  };
}
