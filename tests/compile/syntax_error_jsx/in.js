fn(<p>hi</p>);
