get(`hello ${$.first} ${$.last}`);
