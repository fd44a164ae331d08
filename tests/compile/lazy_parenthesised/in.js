get(($.a));
get((state => $.a));
