get('/x', /* why */ $.q) // here
  .catch(/* what */ e => e) // there
  .then(a); // done
