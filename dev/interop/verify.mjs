// Reads from-go.json in the current folder, verifies each token with jsonwebtoken and jose, mints a token of each
// form itself and writes them to from-node.json. Ends with an error at the first token that is not as it should be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, privateDecrypt, publicEncrypt, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import * as jose from 'jose';
import * as jose4 from 'jose-4';
import jsonwebtoken from 'jsonwebtoken';

// Node refuses PKCS#1 v1.5 decryption unless its OpenSSL hides the errors of the padding. A platform with "RSA1_5" has to
// decrypt like this all the same, and the keys here are of one run.
const pkcs1Flag = '--security-revert=CVE-2023-46809';
if (!decryptsPKCS1()) {
  assert(!process.execArgv.includes(pkcs1Flag), `node ${process.version} cannot decrypt PKCS#1 v1.5, not even with ${pkcs1Flag}`);
  console.log(`node ${process.version} refuses PKCS#1 v1.5 decryption, which RSA1_5 needs: running it again with ${pkcs1Flag}`);
  const again = spawnSync(process.execPath, [pkcs1Flag, ...process.argv.slice(1)], { stdio: 'inherit' });
  process.exit(again.status ?? 1);
}

const app = JSON.parse(readFileSync('from-go.json', 'utf8'));
const signingKey = createPrivateKey(app.signingKey);
const platformKey = createPrivateKey(app.platformKey);

const minted = [];
for (const { token, ...form } of app.tokens) {
  await verify(form, token);
  minted.push({ ...form, token: await mint(form) });
  console.log(`node verified ${Object.values(form).join(' ').trim()}`);
}
writeFileSync('from-node.json', JSON.stringify(minted), { mode: 0o600 });

async function verify(form, token) {
  const signed = form.keyAlgorithm ? await decrypt(form, token) : token;
  const key = isSymmetric(form) ? app.sharedKey : createPublicKey(signingKey);
  const { header, payload } = jsonwebtoken.verify(signed, key, { algorithms: [form.algorithm], subject: app.botId, maxAge: '10m', complete: true });
  assert.deepEqual(header, { alg: form.algorithm, typ: 'JWT' });
  assert.deepEqual(Object.keys(payload).sort(), ['appId', 'exp', 'iat', 'jti', 'sub']);
  assert.equal(payload.appId, app.clientId);
  assert.match(payload.jti, /^[0-9a-f-]{36}$/);

  const altered = signed.slice(0, -10) + (signed.at(-10) === 'A' ? 'B' : 'A') + signed.slice(-9);
  assert.throws(() => jsonwebtoken.verify(altered, key, { algorithms: [form.algorithm] }), /invalid signature/);
}

async function decrypt(form, token) {
  const options = { keyManagementAlgorithms: [form.keyAlgorithm], contentEncryptionAlgorithms: [form.contentEncryption] };
  const { plaintext, protectedHeader } = await joseFor(form).compactDecrypt(token, platformKey, options);
  assert.deepEqual(protectedHeader, { alg: form.keyAlgorithm, enc: form.contentEncryption, kid: app.platformJWK.kid, cty: 'JWT' });
  return new TextDecoder().decode(plaintext);
}

async function mint(form) {
  const key = isSymmetric(form) ? app.sharedKey : signingKey;
  const signed = jsonwebtoken.sign({ appId: app.clientId, sub: app.botId, jti: randomUUID() }, key, { algorithm: form.algorithm, expiresIn: 300 });
  if (!form.keyAlgorithm) {
    return signed;
  }
  const library = joseFor(form);
  return new library.CompactEncrypt(new TextEncoder().encode(signed))
    .setProtectedHeader({ alg: form.keyAlgorithm, enc: form.contentEncryption, kid: app.platformJWK.kid, cty: 'JWT' })
    .encrypt(await library.importJWK(app.platformJWK, form.keyAlgorithm));
}

function isSymmetric(form) {
  return form.algorithm.startsWith('HS');
}

// RSA1_5 is in jose up to version 4.
function joseFor(form) {
  return form.keyAlgorithm === 'RSA1_5' ? jose4 : jose;
}

function decryptsPKCS1() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const padding = constants.RSA_PKCS1_PADDING;
  const encrypted = publicEncrypt({ key: publicKey, padding }, Buffer.from('test'));
  try {
    return privateDecrypt({ key: privateKey, padding }, encrypted).toString() === 'test';
  } catch {
    return false;
  }
}
