import './styles/tokens.css';
import './styles/base.css';
import { mount } from 'svelte';
import AppView from './App.svelte';
import { createBackend } from './backend';
import { startI18n } from './i18n';
import { App } from './state/app.svelte';

startI18n();
const target = document.getElementById('app');
if (target) mount(AppView, { target, props: { app: new App(createBackend()) } });
