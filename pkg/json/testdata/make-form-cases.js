// Makes form_cases.h: form bodies, and the JSON that the npm package qs reads from them with the options that Express's
// body-parser 2.2 passes to it. Bodies from which qs would omit a part are not among these cases; form_test.c tests
// them.
//
//     npm install qs@6.17.1
//     node make-form-cases.js [count] > form_cases.h
//
// The generated bodies come from a fixed seed, so the same version gives the same file.
'use strict';
const qs = require('qs');
const version = require('qs/package.json').version;

const read = body => qs.parse(body, {
	allowPrototypes: true, depth: 32, strictDepth: true, parameterLimit: 1000, arrayLimit: Math.max(100, body.split('&').length),
});
const many = (n, make) => Array.from({ length: n }, (_, i) => make(i)).join('&');

const byHand = [
	'', '&', '&&&', '=', '=x', 'a', 'a=', 'a=1', 'a=1&b=2', 'b=1&a=2', 'a==b', 'a=b=c', '?a=1', 'a;b=1;c', 'a=1,2', 'a.b=1',
	'a=1&a=2', 'a=1&a=2&a=3', 'a=&a=', 'a=&a=1', 'a&a', 'a[]=1', 'a[]=1&a[]=2', 'a[]', 'a[]=', 'a[]=&a[]=', 'a[0]=1',
	'a[1]=x&a[0]=y', 'a[2]=x', 'a[19]=x', 'a[20]=x', 'a[21]=x', 'a[100]=x', 'a[01]=x', 'a[-1]=x', 'a[1.5]=x', 'a[1e1]=x', 'a[ 1]=x',
	'a[20]=x&a[]=y', 'a[]=y&a[20]=x', 'a[20]=x&a=y', 'a=y&a[20]=x', 'a[0]=x&a[25]=y', 'a[25]=y&a[0]=x&a[]=z',
	'a[b]=1', 'a[b]=1&a[c]=2', 'a[b]=1&a[b]=2', 'a[b][]=1&a[b][]=2', 'a[b][c]=1', 'a[][b]=1', 'a[][b]=1&a[][c]=2', 'a[0][b]=1&a[0][c]=2',
	'a[0][b]=1&a[1][b]=2', 'a[][]=1', 'a[][]=1&a[][]=2', 'a[][0]=1&a[][1]=2', 'a[0][]=1&a[]=2', 'a[[]]=1', 'a[[b]]=1', 'a[b[c]]=1',
	'a[]=1&a[b]=2', 'a[b]=2&a[]=1', 'a[0]=1&a[b]=2', 'a[b]=1&a=2', 'a=2&a[b]=1', 'a=2&a[b]=1&a=3', 'a[b]=1&a=2&a=3', 'a[b]=1&a=2&a[c]=3',
	'a[b]=1&a=2&a[]=3', 'a[b]=1&a=2&a[c]=3&a=4&a[d]=5', 'a=1&a[]=2', 'a[]=2&a=1', 'a=1&a[0]=2', 'a[0]=2&a=1', 'a=1&a[5]=2', 'a[5]=2&a=1',
	'a=&a[b]=1', 'a[b]=1&a=', 'a[b]=&a[b][c]=1', 'a[b][c]=1&a[b]=x', 'a[b]=x&a[b][c]=1&a[b]=y', 'a[b]=x&a[b][]=1',
	'a[b][c][d][e][f]=1', 'a[b][c][d][e][f][g]=1', 'a[b][c][d][e][f][g][h]=1', 'a[][][][][][]=1', 'a[][][][][][][]=1', 'a[0][0][0][0][0][0][0]=x',
	'[a]=1', '[a][b]=1', '[]=1', '[]=1&[]=2', '[0]=a', '[0]=a&[1]=b', '[25]=a', '[25]=a&[]=b', '[25]=a&b=1', '[a]=1&a=2', 'a=1&[a]=2', '[', ']', '[]', '[[', ']]', '[=1', ']=1', '[]]=1', '[[]=1',
	'a[=1', 'a]=1', 'a[b=1', 'a[b=1]=2', 'a[b]c=1', 'a[b]c[d]=1', 'a[b]]=1', 'a[[b]=1', 'a[b][=1', 'a[b][c=1', 'a]b[c]=1', 'a[]b=1', 'a=]=1', 'a=b]=c', 'a[b]=c]=d', 'a[b=c]=d', 'a%5Bb%5D=1', 'a%5bb%5d=1', 'a%5B%5D=1', 'a%5B0%5D=%5B', 'a%255Bb%255D=1',
	'a=+', 'a+b=c+d', 'a=%20', 'a=%2B', 'a=%', 'a=%2', 'a=%zz', 'a=%G0+%20', 'a=%20%', 'a+%=1', '%=%', '%61=%62', 'a=%C3%A9', 'a=%c3%a9', 'a=%C3', 'a=%C3+%A9', 'a=%C3x', 'a=%A9', 'a=%FF', 'a=%C0%80', 'a=%ED%A0%80', 'a=%F0%9F%98%80', 'a=%F4%90%80%80', 'a=%F0%9F%98', 'a=%E2%82%AC+%E2%82', 'a=%00', 'a=%01%08%09%0A%0C%0D%1F%7F', 'a=%22%5C%2F', '%22=1', 'a=%5B%', 'a=%26%3D', 'a%3D=1', 'a%26b=1', 'é=ü', 'a=€', 'a=😀', 'a=\u2028', 'a=a\tb', 'a="\\', 'a="&"=b',
	'__proto__=1', '__proto__[a]=1', 'a[__proto__]=1', 'a[__proto__][b]=1', 'constructor=1', 'a[constructor]=1', 'hasOwnProperty=1', 'toString=1', 'a[toString]=1', 'a[toString]=1&a[b]=2', 'valueOf', 'isPrototypeOf=1', 'propertyIsEnumerable=1', 'toLocaleString=1', '__defineGetter__=1', '__defineSetter__=1', '__lookupGetter__=1', '__lookupSetter__=1', 'a[b][toString]=1', '[toString]=1', '[__proto__]=1', 'tostring=1', 'length=1', 'a[length]=1', 'a[]=1&a[length]=5', 'a[b][c][d][e][f][toString]=1', 'a[toString=1', 'a[]=toString&a[b]=1', 'a[b]=1&a=toString',
	'2=b&1=a', 'z=1&10=2&9=3&a=4', 'a[z]=1&a[30]=2&a[25]=3', '1[b]=2&0=1', '01=a&1=b', '4294967294=a&b=1', 'x=1&4294967295=a&4294967294=b', '-1=a&0=b', 'b=1&1=2&b[c]=3', 'b[]=2&1=x&b[]=1', '1e3=a&5=b', '0=a&0[b]=1', '10[]=1&9[]=2&10[]=3',
	many(20, i => `a=${i}`), many(21, i => `a=${i}`), many(25, i => `a=${i}`), many(20, i => `a[]=${i}`), many(21, i => `a[]=${i}`), many(22, i => `a[]=${i}`), many(21, i => `a[]=${i}`) + '&a[b]=1', many(21, i => `a[]=${i}`) + '&a[]=x&a=y', many(20, i => `a[${i}]=${i}`), many(22, i => `a[${i}]=${i}`), many(20, i => `a[${i}]=${i}`) + '&a[]=x', many(20, i => `a[${i}]=${i}`) + '&a=x', many(20, i => `a=${i}`) + '&a[]=x&a[]=y', many(21, i => `a=${i}`) + '&a[b]=x', 'a[b]=x&' + many(21, i => `a=${i}`), 'a[19]=x&a[]=1&a[]=2', 'a[19]=x&a[18]=y&a=1', many(21, i => `a[][b]=${i}`), many(21, i => `a[b][]=${i}`),
	many(3, i => `a[b]=${i}&a=${i}`), many(5, i => `a[b${i}]=1&a=${i}`), many(5, i => `a[${i}][b]=1&a[${i}]=x`),
	many(999, i => `k${i % 7}`) + '&last=1', '&'.repeat(999) + 'a=1', many(1000, i => `f${i}=${i}`), many(1000, i => `a[]=${i}`), many(999, i => `a[]=${i}`) + '&a[999]=x', many(998, i => `a[${i}]=${i}`) + '&a[1000]=x&a[]=y',
	'a[99]=x', 'a[100]=x&a[]=y', 'a[101]=x&a=y', 'a[99]=x&a[]=y', 'a[98]=x&a=y', 'a=y&a[99]=x', 'a=y&a[98]=x', 'a[5]=x&a[b]=y', 'a[7]=x&a[3]=y&a[5]=z', 'a[3]=x&a[1][b]=y&a[3][b]=z', 'a[9][9][9]=1&a[9][9][9]=2&a[9][9][8]=3', 'a[50]=x&a[]=y&a[20]=z&a[b]=q',
	many(100, i => `a=${i}`), many(101, i => `a=${i}`), many(101, i => `a[]=${i}`), many(100, i => `a[${i}]=${i}`) + '&a[]=x', many(101, i => `a[${100 - i}]=${i}`),
	'a' + '[b]'.repeat(32) + '=1', 'a' + '[]'.repeat(32) + '=1', 'a' + '[99]'.repeat(32) + '=1', '[b]'.repeat(32) + '=1',
	'name=Ada+Lovelace&age=36&tags[]=math&tags[]=poetry&address[city]=London&address[lines][0]=St+James%27s+Square',
];

let state = 20260131;
const random = n => {
	state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
	return Math.floor(state / 4294967296 * n);
};
const pick = list => list[random(list.length)];
const roots = ['a', 'a', 'a', 'b', '', '1', '0', '%', 'c'];
const parts = ['[]', '[]', '[0]', '[1]', '[b]', '[b]', '[c]', '[2]', '[19]', '[20]', '[21]', '[30]', '[', ']', 'x', '[[b]]', '[toString]', '%5B0%5D', '[%', '[ ]'];
const values = ['1', '2', 'x', 'y', '', '', '+', '%41', '%C3%A9', '%', '%FF', ']', 'a=b', ']=', '[b]', '&'];
const pair = () => {
	let name = pick(roots);
	for (let i = random(4) + (random(20) === 0 ? 4 : 0); i > 0; i--)
		name += pick(parts);
	return random(12) === 0 ? name : name + '=' + pick(values);
};
const generated = [];
for (let i = Number(process.argv[2] || 300); i > 0; i--)
	generated.push(many(1 + random(random(10) === 0 ? 60 : 6), pair));

// qs omits a part of it; see json.h.
const loses = body => {
	const names = new Map();
	const empty = new Set();
	for (const part of body.replace(/%5B/gi, '[').replace(/%5D/gi, ']').split('&').filter(part => part)) {
		const behind = part.indexOf(']=');
		const equals = behind < 0 ? part.indexOf('=') : behind + 1;
		let name = equals < 0 ? part : part.slice(0, equals);
		try { name = decodeURIComponent(name.replace(/\+/g, ' ')); } catch (e) { name = name.replace(/\+/g, ' '); }
		if (name === '' || name.includes('__proto__') || hasTextBehind(name))
			return true;
		const root = name[0] === '[' ? '[' : name.replace(/\[.*/, '');
		names.set(root, (names.get(root) || new Set()).add(name));
		if (equals < 0 || equals === part.length - 1)
			empty.add(root);
	}
	return empty.size > 0 && names.has('[') || [...empty].some(root => names.get(root).size > 1);
};
function hasTextBehind(name) {
	let open = name.indexOf('[');
	while (open >= 0 && open < name.length) {
		if (name[open] !== '[')
			return true;
		let level = 0, at = open;
		do
			level += name[at] === '[' ? 1 : name[at] === ']' ? -1 : 0;
		while (level > 0 && ++at < name.length);
		open = level > 0 ? -1 : at + 1;
	}
	return false;
}

const quote = text => '"' + Array.from(Buffer.from(text), byte => {
	const c = String.fromCharCode(byte);
	if (c === '"' || c === '\\')
		return '\\' + c;
	return byte < 0x20 || byte > 0x7e || c === '?' ? '\\' + byte.toString(8).padStart(3, '0') : c;
}).join('') + '"';

console.log(`/* Made by make-form-cases.js with qs ${version}: a form body, and the JSON that qs reads from it. */`);
console.log('/* clang-format off */');
for (const body of byHand.concat(generated).filter(body => !loses(body)))
	console.log(`{ ${quote(body)}, ${quote(JSON.stringify(read(body)))} },`);
