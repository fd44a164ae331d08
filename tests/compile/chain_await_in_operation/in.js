get(await url()).then(a);
