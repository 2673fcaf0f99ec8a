import { batch } from './batch';
import { common } from './common';
import { compare } from './compare';
import { explain } from './explain';
import { forecast } from './forecast';
import { keys } from './keys';
import { models } from './models';
import { monitoring } from './monitoring';
import { overview } from './overview';
import { plan } from './plan';
import { quality } from './quality';
import { signIn } from './sign-in';
import { status } from './status';
import { training } from './training';
import { tree } from './tree';
import { trial } from './trial';
import { whatIf } from './what-if';

/** All texts of the page, by page. */
export const english = {
  ...common,
  overview,
  forecast,
  explain,
  whatIf,
  compare,
  tree,
  batch,
  quality,
  monitoring,
  plan,
  keys,
  models,
  trial,
  training,
  status,
  signIn,
};

export type Catalogue = typeof english;
